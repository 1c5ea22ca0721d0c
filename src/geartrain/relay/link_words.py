"""What a server says on another's Gearman port to have a link: a text line, as no Gearman peer says it."""

from __future__ import annotations

from typing import Final

GREETING: Final = b"geartrain-link"  # then the version, the id of the server that asks, and the pool's secret
LINK_VERSION: Final = 1  # of the frames; servers of other versions take no links

"""What a server says on another's Gearman port to have a link: a text line, as no Gearman peer says it."""

from __future__ import annotations

from typing import Final

GREETING: Final = b"geartrain-link"  # pool/proofs.py has the rest
LINK_VERSION: Final = 2  # of the greeting and the frames; servers of other versions take no links

"""The web server's side of a job server: the API, the page, and what monitors ask.

It knows the server only by ``ports.py``.
"""

"""The web server's side of a job server: the API and the page. It knows the server only by ``ports.py``."""

"""What people and monitors see of a server, over HTTP."""

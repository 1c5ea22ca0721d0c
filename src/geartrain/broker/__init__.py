"""The job server without a socket: everything that may happen to a job."""

"""The engine timed beside its peers, in one run."""

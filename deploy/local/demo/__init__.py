"""Demo: the whole path on this machine, compared with what its sender knows; `make demo` and `make up`."""

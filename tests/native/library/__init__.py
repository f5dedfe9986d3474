"""Tests of the library's routines."""

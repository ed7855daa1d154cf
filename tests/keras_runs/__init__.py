"""Runs that real Keras has recorded and that minifit must repeat number for number."""

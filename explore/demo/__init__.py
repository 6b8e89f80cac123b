"""The main job: LeNet-5 trained, compressed six ways and simulated on every family of arrays."""

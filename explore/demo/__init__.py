"""The main job: LeNet-5 trained, compressed both ways and simulated on every family of arrays."""

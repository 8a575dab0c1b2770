"""Kernels and pictures that know no people: triangles, light, cameras, backgrounds, wear."""

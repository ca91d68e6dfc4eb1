"""Checks of the virtual camera and the webcam against the real drivers of Linux."""

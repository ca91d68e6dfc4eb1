"""In the browser: a page whose camera drives the portrait, over WebRTC."""

"""The bootstrap: samples drawn again, refits, and intervals from them."""

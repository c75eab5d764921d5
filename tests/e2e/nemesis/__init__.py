"""The nemesis: a whole deployment under steady traffic, while its parts are killed, frozen and cut off at random."""

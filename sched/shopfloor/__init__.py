"""The factory scheduler: floors from `domain` (bottom) up to `web`; see the map in the README."""

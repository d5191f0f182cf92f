"""The plant's statistical twin: synthetic plants with a past, the fit to a past, and banks of instances.

Floor 3: it sees `domain`, `settings`, `data` and `engine`. Everything is seeded and `as_of` is an argument;
nothing here reads a clock, a database or a file.

- `plant_spec` holds every parameter of a synthetic plant; `product_mix`, `shop` and `orders` draw from it.
- `history` lets a greedy dispatcher with human noise work through the orders; `generate` makes the tables.
- `calibration` measures how hard an open book is: greedy against rules against what nobody can avoid.
- `fit` estimates a `TwinModel` (`model`) from tables, real or synthetic; `bank` and `suite` sample from it.
- `public_shop` makes a shop of the literature the engine's; `public_check` judges a plan of it.

A new property of the plant is a field of `PlantSpec`; a new estimate is a field of `TwinModel`, with a test
beside the true value.
"""

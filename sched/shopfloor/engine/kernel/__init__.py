"""The njit functions: calendars, event loop, rules, list builder, features, actor, batch.

Free functions over the tuples of `shopfloor.engine.layout`; "modified in place" is said where it happens.
They raise nothing and check nothing: the public modules of `shopfloor.engine` check arguments and turn
codes into errors. Few files on purpose: an edit recompiles everything that inlines the function.
"""

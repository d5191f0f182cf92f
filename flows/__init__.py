"""The rhythm of the plant: Prefect flows, their steps, artifacts and cadences, and the `shopfloor` command.

Top floor; the only place that opens Prefect, reads the clock or talks to a terminal. A flow's body reads as a
table of contents: it calls steps, a step calls the library. A new flow: its file, its deployment in
`deploy/prefect.yaml`, its command in `cli.py`.
"""

"""What people look at and take away: pictures, pages and files of a plan that open without a network.

Floor 7: reads everything below, is read by flows only. Every page is one self-contained file; data goes in
as escaped JSON and comes out as text, never as markup. A new picture is a module with its `.html`, `.css` and
`.js` beside it; a new export format is a module that writes down a `PlanExport`.
"""

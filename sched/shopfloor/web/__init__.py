"""What people look at: pictures and pages of a plan that open without a network.

Floor 7: reads everything below, is read by flows only. Every page is one self-contained file; data goes in
as escaped JSON and comes out as text, never as markup. A new picture is a module with its `.html`, `.css` and
`.js` beside it.
"""

"""Names that try to become markup, and what a reader of the page must see of each."""

from __future__ import annotations

HOSTILE = {
    "</td></tr></table><script>alert(1)</script>": "</td></tr></table><script>alert(1)</script>",
    '" onmouseover="alert(2)" x=\'': '" onmouseover="alert(2)" x=\'',
    "</script><img src=x onerror=alert(3)>": "</script><img src=x onerror=alert(3)>",
    "--><!-- &lt;b&gt; &amp;": "--><!-- &lt;b&gt; &amp;",
    "\x1b[31mred\x00": "\\x1b[31mred\\x00",
    "half \ud800 pair": "half \\ud800 pair",
    "\u202egnp.exe": "\\u202egnp.exe",
    "two\nlines\tand $\\frac{1}{2}$": "two\nlines\tand $\\frac{1}{2}$",
}

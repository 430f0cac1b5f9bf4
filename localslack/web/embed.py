"""Writes the given files as C arrays: embed.py OUTPUT FILE…"""
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def main(output, files):
    lines = ['#include "web-files.h"', ""]
    rows = []
    for i, path in enumerate(files):
        with open(path, "rb") as f:
            data = f.read()
        lines.append("static const unsigned char file_%d[] = {" % i)
        for at in range(0, len(data), 20):
            lines.append("        " + " ".join("%d," % b for b in data[at:at + 20]))
        lines.append("0};\n")
        name = os.path.basename(path)
        rows.append('        {"%s", "%s", file_%d, %d},' % (name, TYPES[os.path.splitext(name)[1]], i, len(data)))
    lines += ["const WebFile web_files[] = {", *rows, "};", "const size_t n_web_files = %d;" % len(files)]
    with open(output, "w") as f:
        f.write("\n".join(lines) + "\n")


main(sys.argv[1], sys.argv[2:])

#!/usr/bin/python3
"""A window to drag from: its label carries the given files as text/uri-list (XDND).

usage: /usr/bin/python3 drop_source.py FILE...   (Debian: python3-gi gir1.2-gtk-3.0)
"""
import pathlib
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Gdk, Gtk

uris = [pathlib.Path(f).resolve().as_uri() for f in sys.argv[1:]]


def give(widget, context, data, info, time):
    data.set_uris(uris)
    print("taken", flush=True)


window = Gtk.Window(title="dragsource")
window.set_default_size(140, 60)
box = Gtk.EventBox()
box.add(Gtk.Label(label="drag me"))
box.drag_source_set(Gdk.ModifierType.BUTTON1_MASK, [Gtk.TargetEntry.new("text/uri-list", 0, 0)], Gdk.DragAction.COPY)
box.connect("drag-data-get", give)
window.add(box)
window.connect("destroy", Gtk.main_quit)
window.show_all()
window.move(10, 10)
Gtk.main()

"""Graphs of parts in files, so that the next process need not trace them again."""

from tf_loadops.kept.files import graph as graph
from tf_loadops.kept.keys import place as place

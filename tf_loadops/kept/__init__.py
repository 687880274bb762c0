"""Graphs of parts in files, so that the next process need not trace them again."""

from tf_loadops.kept.files import read as read
from tf_loadops.kept.files import write as write
from tf_loadops.kept.keys import place as place

"""Statistics of columns in float64, and what is done with them."""

from tf_loadops.standardize.checks import check_moments as check_moments
from tf_loadops.standardize.moments import Moments as Moments
from tf_loadops.standardize.replicas import merge_replicas as merge_replicas
from tf_loadops.standardize.transform import standardize as standardize
from tf_loadops.standardize.transform import unstandardize as unstandardize

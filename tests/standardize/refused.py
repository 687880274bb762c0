"""The text of a refusal, whichever way it came out."""

from tf_loadops.errors import message_of


def text_of(error):
    """The message alone: Keras appends the arguments of the call to what TensorFlow says."""
    return message_of(error).split(" [Op:")[0]

import tensorflow as tf
def lz4_block(data,size): return data, tf.constant(False)
hadoop_lz4=lz4_block
def delta_binary_packed(data,count): return tf.zeros([0],tf.int64), tf.constant(0), tf.constant(False)
def delta_byte_array(data,count): return tf.zeros([0],tf.string), tf.constant(False)
delta_length_byte_array=delta_byte_array

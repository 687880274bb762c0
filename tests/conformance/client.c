/* Calls signatures of a SavedModel through TensorFlow's C API: no Python anywhere.
 *
 *   client MODEL_DIRECTORY { RUN }
 *   RUN:  INPUT  OUTPUT_COUNT { NAME OPERATION INDEX }  PATH_COUNT { PATH }
 *
 * INPUT is the operation that takes the vector of paths, or "-" for a signature without input. The names of the
 * operations are in the SavedModel's signatures. For each run, every output is printed as "NAME DTYPE RANK SIZES",
 * then one value a line (strings as C literals), then "end"; a run that fails prints "error" and the message, as a C
 * literal, and the next one goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

static void print_text(const char *text, size_t size) {
  putchar('"');
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\' || c < 32 || c > 126) printf("\\x%02x", c);
    else putchar(c);
  }
  puts("\"");
}

static int failed(TF_Status *status) {
  if (TF_GetCode(status) == TF_OK) return 0;
  printf("error ");
  print_text(TF_Message(status), strlen(TF_Message(status)));
  return 1;
}

static TF_Tensor *vector_of(char **paths, int count) {
  int64_t shape[] = {count};
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, shape, 1, (size_t)count * sizeof(TF_TString));
  TF_TString *strings = TF_TensorData(tensor);
  for (int i = 0; i < count; i++) {
    TF_TString_Init(&strings[i]);
    TF_TString_Copy(&strings[i], paths[i], strlen(paths[i]));
  }
  return tensor;
}

static int print_tensor(const char *name, TF_Tensor *tensor) {
  TF_DataType dtype = TF_TensorType(tensor);
  const void *data = TF_TensorData(tensor);
  const char *called = dtype == TF_FLOAT ? "float32" : dtype == TF_DOUBLE ? "float64" : dtype == TF_INT32 ? "int32"
                     : dtype == TF_INT64 ? "int64" : dtype == TF_BOOL ? "bool" : dtype == TF_STRING ? "string" : NULL;
  if (!called) {
    printf("error \"output %s has a dtype that this program does not print: %d\"\n", name, dtype);
    return 1;
  }
  printf("%s %s %d", name, called, TF_NumDims(tensor));
  for (int i = 0; i < TF_NumDims(tensor); i++) printf(" %lld", (long long)TF_Dim(tensor, i));
  putchar('\n');
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) {
    switch (dtype) {
      case TF_FLOAT: printf("%.9g\n", ((const float *)data)[i]); break;
      case TF_DOUBLE: printf("%.17g\n", ((const double *)data)[i]); break;
      case TF_INT32: printf("%d\n", ((const int32_t *)data)[i]); break;
      case TF_INT64: printf("%lld\n", (long long)((const int64_t *)data)[i]); break;
      case TF_BOOL: printf("%d\n", ((const unsigned char *)data)[i]); break;
      default: {
        const TF_TString *text = (const TF_TString *)data + i;
        print_text(TF_TString_GetDataPointer(text), TF_TString_GetSize(text));
      }
    }
  }
  return 0;
}

static void free_tensor(TF_Tensor *tensor) {
  if (TF_TensorType(tensor) == TF_STRING) {
    TF_TString *strings = TF_TensorData(tensor);
    for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) TF_TString_Dealloc(&strings[i]);
  }
  TF_DeleteTensor(tensor);
}

static char **run(TF_Session *session, TF_Graph *graph, char **word, TF_Status *status) {
  const char *input_name = *word++;
  int outputs = atoi(*word++);
  char **named = word;
  word += 3 * outputs;
  int paths = atoi(*word++);
  char **first_path = word;
  word += paths;

  TF_Output fetched[64];
  TF_Tensor *results[64] = {0};
  if (outputs > 64) return puts("error \"at most 64 outputs\""), word;
  for (int i = 0; i < outputs; i++) {
    fetched[i].oper = TF_GraphOperationByName(graph, named[3 * i + 1]);
    fetched[i].index = atoi(named[3 * i + 2]);
    if (!fetched[i].oper) return printf("error \"no operation %s\"\n", named[3 * i + 1]), word;
  }
  int inputs = strcmp(input_name, "-") != 0;
  TF_Output fed = {inputs ? TF_GraphOperationByName(graph, input_name) : NULL, 0};
  if (inputs && !fed.oper) return printf("error \"no operation %s\"\n", input_name), word;
  TF_Tensor *value = inputs ? vector_of(first_path, paths) : NULL;
  TF_SessionRun(session, NULL, &fed, &value, inputs, fetched, results, outputs, NULL, 0, NULL, status);
  if (value) free_tensor(value);
  if (failed(status)) return word;
  for (int i = 0; i < outputs; i++) {
    print_tensor(named[3 * i], results[i]);
    free_tensor(results[i]);
  }
  puts("end");
  return word;
}

int main(int count, char **words) {
  if (count < 2) return fprintf(stderr, "usage: client MODEL_DIRECTORY { RUN }\n"), 2;
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, words[1], tags, 1, graph, NULL, status);
  if (failed(status)) return 1;
  for (char **word = words + 2; word < words + count;) word = run(session, graph, word, status);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}

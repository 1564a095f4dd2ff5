#include "config/pipeline_keys.hpp"

namespace pq {

using Type = PipelineKey::Type;

const PipelineKeys& pipeline_keys() {
  static const PipelineKeys keys = {
      {"version", Type::integer, "Version of the pipeline language; this one is 1.", "", {}, "", true, true},
      {"model", Type::path, "The model to read: a Hugging Face folder, a GGUF file, or anything that a format recognises.", "", {}, "", true, true},
      {"backend", Type::component, "Where the heavy maths runs; auto takes the best device that is there.", "auto", {"auto"}, "backend", false, true},
      {"threads", Type::integer, "Threads to use; 0 means all that the machine offers.", "0", {}, "", false, true},
      {"effort", Type::choice, "How much search the encoders may spend on the codes of a tensor.", "normal", {"fast", "normal", "best"}, "", false, true},
      {"calibration", Type::map, "Texts on which activations are measured.", "", {}, "", false, false},
      {"imatrix", Type::path, "A file with the importance of each column.", "", {}, "", false, false},
      {"recipes", Type::map, "Recipes of your own, by name; outputs use them like the built-in ones.", "", {}, "", false, true},
      {"outputs", Type::list, "What to write; all outputs are made in one pass over the model.", "", {}, "", true, true},
      {"evaluate", Type::map, "Texts and tasks on which the outputs are judged.", "", {}, "", false, false},
      {"report", Type::path, "Where to write a report of the run (.json).", "", {}, "", false, true},
      {"work", Type::path, "Folder that keeps the state of a run, so that it can be resumed.", "", {}, "", false, true},
  };
  return keys;
}

const PipelineKeys& output_keys() {
  static const PipelineKeys keys = {
      {"format", Type::component, "The format to write.", "", {}, "format", true, true},
      {"to", Type::path, "The file or folder to write.", "", {}, "", true, true},
      {"recipe", Type::recipe, "Which tensor gets which encoding, by the rules of a recipe.", "", {}, "", false, true},
      {"encoding", Type::component, "One encoding for all tensors that are quantized.", "", {}, "encoding", false, true},
      {"allocate", Type::map, "A size to reach, and the encodings to choose from.", "", {}, "", false, false},
      {"quantizer", Type::component, "How codes are chosen.", "rtn", {}, "quantizer", false, true},
      {"rules", Type::list, "Exceptions, tried from top to bottom before the recipe or encoding.", "", {}, "", false, true},
      {"fallback", Type::text, "The encoding for tensors whose columns do not fit; without it they are refused.", "", {}, "encoding", false, true},
      {"lossless", Type::choice, "Whether weights that are quantized already must keep their exact values.", "no", {"no", "prefer", "require"}, "", false, true},
      {"options", Type::map, "Options of the format.", "", {}, "", false, true},
      {"card", Type::map, "What to write into the model card.", "", {}, "", false, false},
  };
  return keys;
}

const PipelineKeys& rule_keys() {
  static const PipelineKeys keys = {
      {"match", Type::text, "A role such as 'ffn_down', or a regular expression that is searched for in the tensor's name.", "", {}, "", true, true},
      {"encoding", Type::component, "The encoding of the tensors that match.", "", {}, "encoding", true, true},
  };
  return keys;
}

}  // namespace pq

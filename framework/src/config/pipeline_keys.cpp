#include "config/pipeline_keys.hpp"

namespace pq {

using Type = PipelineKey::Type;

const PipelineKeys& pipeline_keys() {
  static const PipelineKeys keys = {
      {.name = "version",
       .type = Type::integer,
       .help = "Version of the pipeline language; this one is 1.",
       .required = true},
      {.name = "model",
       .type = Type::path,
       .help = "The model to read: a Hugging Face folder, a GGUF file, or anything that a format recognises.",
       .required = true},
      {.name = "backend",
       .type = Type::component,
       .help = "Where the heavy maths runs; auto takes the best device that is there.",
       .default_text = "auto",
       .choices = {"auto"},
       .component = "backend"},
      {.name = "threads",
       .type = Type::integer,
       .help = "Threads to use; 0 means all that the machine offers.",
       .default_text = "0"},
      {.name = "effort",
       .type = Type::choice,
       .help = "How much search the encoders may spend on the codes of a tensor.",
       .default_text = "normal",
       .choices = {"fast", "normal", "best"}},
      {.name = "calibration",
       .type = Type::map,
       .help = "Texts on which activations are measured, once for all outputs."},
      {.name = "imatrix",
       .type = Type::path,
       .help = "An importance matrix (.gguf or .dat, as llama-imatrix writes it): how much the errors of "
               "each column count."},
      {.name = "recipes",
       .type = Type::map,
       .help = "Recipes of your own, by name; outputs use them like the built-in ones."},
      {.name = "outputs",
       .type = Type::list,
       .help = "What to write; all outputs are made in one pass over the model.",
       .required = true},
      {.name = "evaluate",
       .type = Type::map,
       .help = "Texts and tasks on which the outputs are judged.",
       .available = false},
      {.name = "report", .type = Type::path, .help = "Where to write a report of the run (.json)."},
      {.name = "work",
       .type = Type::path,
       .help = "Folder that keeps the state of a run, so that it can be resumed."},
  };
  return keys;
}

const PipelineKeys& output_keys() {
  static const PipelineKeys keys = {
      {.name = "format",
       .type = Type::component,
       .help = "The format to write.",
       .component = "format",
       .required = true},
      {.name = "to", .type = Type::path, .help = "The file or folder to write.", .required = true},
      {.name = "recipe",
       .type = Type::recipe,
       .help = "Which tensor gets which encoding, by the rules of a recipe."},
      {.name = "encoding",
       .type = Type::component,
       .help = "One encoding for all tensors that are quantized.",
       .component = "encoding"},
      {.name = "allocate",
       .type = Type::map,
       .help = "A size to reach, and the encodings to choose from.",
       .available = false},
      {.name = "quantizer",
       .type = Type::component,
       .help = "How codes are chosen; a list of two: who scales channels first, and who chooses codes then.",
       .component = "quantizer",
       .has_default_component = true,
       .is_chain = true},
      {.name = "rules",
       .type = Type::list,
       .help = "Exceptions, tried from top to bottom before the recipe or encoding."},
      {.name = "fallback",
       .type = Type::text,
       .help = "The encoding for tensors whose columns do not fit, or whose encoding the format cannot hold; "
               "without it they are refused.",
       .component = "encoding"},
      {.name = "lossless",
       .type = Type::choice,
       .help = "Whether weights must keep their exact values (prefer: where they fit, and else stored codes "
               "of which offsets alone are rounded, by up to 1/64 of a step); alone, without recipe or "
               "encoding, it keeps what is stored.",
       .default_text = "no",
       .choices = {"no", "prefer", "require"}},
      {.name = "options", .type = Type::map, .help = "Options of the format."},
      {.name = "card", .type = Type::map, .help = "What to write into the model card.", .available = false},
  };
  return keys;
}

const PipelineKeys& rule_keys() {
  static const PipelineKeys keys = {
      {.name = "match",
       .type = Type::text,
       .help =
           "A role such as 'ffn_down', or a regular expression that is searched for in the tensor's name.",
       .required = true},
      {.name = "encoding",
       .type = Type::component,
       .help = "The encoding of the tensors that match.",
       .component = "encoding",
       .required = true},
  };
  return keys;
}

const PipelineKeys& backend_keys() {
  static const PipelineKeys keys = {
      {.name = "device",
       .type = Type::integer,
       .help = "The number of the device among those of the backend.",
       .default_text = "0"},
      {.name = "fallback",
       .type = Type::component,
       .help =
           "The backend to use, with a warning, where this one is not loaded or finds no device; without it "
           "that is an error.",
       .component = "backend"},
  };
  return keys;
}

const PipelineKeys& calibration_keys() {
  static const PipelineKeys keys = {
      {.name = "data",
       .type = Type::sources,
       .help = "A .txt file, a .jsonl file with text, messages or tokens per line, a folder of such files, "
               "or a list of "
               "these, each alone or as {path, weight}.",
       .required = true},
      {.name = "samples", .type = Type::integer, .help = "Samples to run.", .default_text = "128"},
      {.name = "length", .type = Type::integer, .help = "Tokens per sample.", .default_text = "512"},
      {.name = "seed",
       .type = Type::integer,
       .help = "Which parts of the texts chance takes.",
       .default_text = "0"},
      {.name = "inputs",
       .type = Type::choice,
       .help = "Whose activations are measured: of the model as it is, or of its layers quantized so far.",
       .default_text = "original",
       .choices = {"original", "quantized"}},
      {.name = "activations",
       .type = Type::choice,
       .help = "Where the activations of all samples lie between two layers; auto takes a file in the work "
               "folder (or beside "
               "the first output) if they are more than a fourth of the machine's memory.",
       .default_text = "auto",
       .choices = {"auto", "memory", "file"}},
  };
  return keys;
}

const PipelineKeys& source_keys() {
  static const PipelineKeys keys = {
      {.name = "path", .type = Type::path, .help = "A file or folder of texts.", .required = true},
      {.name = "weight",
       .type = Type::number,
       .help = "Its share of the samples, in proportion to the weights of the others.",
       .default_text = "1"},
  };
  return keys;
}

const PipelineKeys& common_format_option_keys() {
  static const PipelineKeys keys = {
      {.name = "name",
       .help = "The model's name in the output; without it the model card or the folder gives the name.",
       .dialect = "gguf"},
      {.name = "pre_tokenizer",
       .help = "The pre-tokenizer's name in GGUF files, where it cannot be recognised.",
       .dialect = "gguf"},
      {.name = "experts",
       .type = Type::choice,
       .help =
           "How a Hugging Face folder made from a GGUF file holds experts: single, as published models do, "
           "or fused into two tensors per layer; auto does as the folder did from which the file was made.",
       .default_text = "auto",
       .choices = {"auto", "single", "fused"},
       .dialect = "huggingface"},
  };
  return keys;
}

}  // namespace pq

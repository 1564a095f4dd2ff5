// What holds for every format: a small model goes through it and comes back.
#pragma once

#include <polyquant/testing/format_shared_checks.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pq::testing {
namespace format_checks {

inline void layout_is_exact(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  const TestModel model(*subject.format);
  const OutputLayout layout = subject.format->layout(scratch.output(), model.output);
  findings.expect(scratch.is_empty(), "layout() touches the disk");
  if (!findings.expect(layout.tensors.size() == model.encoded.size(), "layout() places ",
                       layout.tensors.size(), " tensors of ", model.encoded.size()))
    return;
  write_model(subject, scratch.output(), model);
  const bool folder = subject.format->info().is_folder;
  for (const OutputLayout::File& file : layout.files) {
    const fs::path path = folder ? scratch.output() / file.name : scratch.path() / file.name;
    if (findings.expect(fs::exists(path), file.name, " is planned, but not written"))
      findings.expect(fs::file_size(path) == file.bytes, file.name, " has ", fs::file_size(path),
                      " bytes, planned were ", file.bytes);
  }
  for (std::size_t t = 0; t < layout.tensors.size(); ++t) {
    const OutputLayout::Place place = layout.tensors[t];
    if (!findings.expect(place.file < layout.files.size(), "tensor ", t,
                         " is placed in a file that is not planned"))
      continue;
    const OutputLayout::File& file = layout.files[place.file];
    findings.expect(place.offset < file.bytes, model.output.tensors[t].name, " is placed behind the end of ",
                    file.name);
    if (!model.is_plain(t)) continue;  // its rows may be spread
    const std::string bytes = content(folder ? scratch.output() / file.name : scratch.path() / file.name);
    const Bytes expected = model.bytes(t, 0, model.rows(t));
    const bool there = place.offset + expected.size() <= bytes.size() &&
                       std::memcmp(bytes.data() + place.offset, expected.data(), expected.size()) == 0;
    findings.expect(there, model.output.tensors[t].name, " does not stand at offset ", place.offset, " of ",
                    file.name);
  }
}

/// JSON may be laid out anew.
inline std::string without_blanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

/// Written both from memory and from a file.
inline void side_files_come_back(const TestModel& model, const ModelHeader& header, Findings& findings) {
  for (const SideFile& written : model.output.side_files) {
    const auto same = [&](const SideFile& file) { return file.name == written.name; };
    const auto found = std::find_if(header.side_files.begin(), header.side_files.end(), same);
    if (!findings.expect(found != header.side_files.end(), written.name, " is missing")) continue;
    const std::string read = found->path.empty() ? found->content : content(found->path);
    const std::string wanted = written.path.empty() ? written.content : content(written.path);
    findings.expect(without_blanks(read) == without_blanks(wanted), written.name, " has other content");
  }
}

inline void model_comes_back(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  TestModel model(*subject.format);
  if (subject.format->info().is_folder) {
    const fs::path file = scratch.path() / "generation_config.json";
    std::ofstream(file) << R"({"do_sample": false})";
    model.output.side_files.push_back({"generation_config.json", file, {}});
  }
  const OutputLayout layout = subject.format->layout(scratch.output(), model.output);
  write_model(subject, scratch.output(), model);
  const auto reader = subject.format->open(scratch.output());
  const ModelHeader& header = reader->header();
  findings.expect(header.dialect == subject.format->info().dialect, "the dialect is another one");
  if (!findings.expect(header.tensors.size() == model.encoded.size(), header.tensors.size(), " tensors of ",
                       model.encoded.size(), " are found"))
    return;
  for (std::size_t t = 0; t < model.encoded.size(); ++t) {
    const OutputTensor& written = model.output.tensors[t];
    const auto same = [&](const TensorInfo& tensor) { return tensor.name == written.name; };
    const auto found = std::find_if(header.tensors.begin(), header.tensors.end(), same);
    if (!findings.expect(found != header.tensors.end(), written.name, " is missing")) continue;
    findings.expect(found->shape == written.shape && found->encoding == written.encoding &&
                        found->row_bytes == written.row_bytes,
                    written.name, " has another shape, encoding or row length");
    expect_planned_bytes(*found, written, layout.tensors.at(t), findings);
    std::vector<std::byte> memory;
    const auto index = static_cast<std::size_t>(found - header.tensors.begin());
    for (const auto& [first, count] :
         {std::pair<std::int64_t, std::int64_t>{0, model.rows(t)}, {model.rows(t) - 1, 1}}) {
      const Bytes bytes = reader->rows(index, first, count, memory), expected = model.bytes(t, first, count);
      findings.expect(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()), written.name,
                      ": rows from ", first, " have other bytes");
    }
    reader->release(index, 0, model.rows(t));
  }
  for (const auto& [key, value] : model.output.metadata.entries()) {
    const MetaValue* found = header.metadata.find(key);
    findings.expect(found != nullptr && *found == value, "metadata key '", key, "' does not come back");
  }
  if (subject.format->info().is_folder) side_files_come_back(model, header, findings);
  for (const std::string& problem : reader->check())
    findings.expect(false, "check() says of its own output: ", problem);
}

inline void same_model_same_bytes(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch a, b;
  const TestModel model(*subject.format);
  write_model(subject, a.output(), model);
  write_model(subject, b.output(), model);
  findings.expect(contents(a.output()) == contents(b.output()),
                  "two outputs of one model have different bytes");
}

inline void nothing_is_left_without_seal(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  const TestModel model(*subject.format);
  {
    const auto writer = subject.format->create(scratch.output(), model.output, false);
    write_all(*writer, model);
    findings.expect(!fs::exists(scratch.output()), "the final name is there before seal()");
    findings.expect(
        writer->reopen() != nullptr,
        "reopen() gives nothing, so that an output cannot be verified before it has its final name");
  }
  findings.expect(scratch.is_empty(), "a writer that was not sealed leaves files");
}

inline void interrupted_output_is_continued(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch whole, resumed;
  const TestModel model(*subject.format);
  write_model(subject, whole.output(), model);
  {
    const auto writer = subject.format->create(resumed.output(), model.output, false);
    writer->write_rows(0, 0, model.bytes(0, 0, model.rows(0)));
    writer->flush();
    writer->keep();
  }
  const auto writer = subject.format->create(resumed.output(), model.output, true);
  for (std::size_t t = 1; t < model.encoded.size(); ++t)
    writer->write_rows(t, 0, model.bytes(t, 0, model.rows(t)));
  writer->seal();
  findings.expect(contents(whole.output()) == contents(resumed.output()),
                  "an output that was interrupted and resumed has other bytes");
}

inline void existing_output_is_replaced(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  const TestModel model(*subject.format);
  write_model(subject, scratch.output(), model);
  const auto first = contents(scratch.output());
  write_model(subject, scratch.output(), model);
  findings.expect(contents(scratch.output()) == first,
                  "writing over an existing output gives something else");
}

inline void own_output_is_recognised(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  write_model(subject, scratch.output(), TestModel(*subject.format));
  const int certainty = probe(*subject.format, scratch.output());
  findings.expect(certainty > 0 && certainty <= 100, "probe() of its own output is ", certainty);
}

/// Opens what may be damaged. Anything but a reader or a FormatError is a finding.
inline void open_damaged(const FormatSubject& subject, const fs::path& path, const std::string& what,
                         bool must_fail, Findings& findings) {
  try {
    const auto reader = subject.format->open(path);
    findings.expect(!must_fail, what, ": it is opened without complaint");
    std::vector<std::byte> memory;
    for (std::size_t t = 0; t < reader->header().tensors.size(); ++t)
      if (const std::int64_t n = rows(reader->header().tensors[t].shape); n > 0)
        reader->rows(t, 0, n, memory);
    reader->check();
  } catch (const FormatError&) {
  } catch (const std::exception& error) {
    findings.expect(false, what, ": no FormatError, but: ", error.what());
  }
}

inline void other_paths_are_refused(const FormatSubject& subject, Findings& findings) {
  const Scratch scratch;
  const fs::path text = scratch.path() / "notes.txt", empty = scratch.path() / "empty";
  std::ofstream(text) << "Once upon a time there was a file of text, and no format was to claim it.\n";
  fs::create_directory(empty);
  findings.expect(probe(*subject.format, text) == 0, "probe() claims a text file");
  findings.expect(probe(*subject.format, empty) == 0, "probe() claims an empty folder");
  open_damaged(subject, text, "a text file", true, findings);
  open_damaged(subject, empty, "an empty folder", true, findings);
  open_damaged(subject, scratch.path() / "nowhere", "a path where nothing is", true, findings);
}

/// What cannot be written is refused at plan time, and by whoever writes all the same.
inline void outputs_are_refused(const FormatSubject& subject, Findings& findings) {
  const Scratch scratch;
  const TestModel model(*subject.format);
  const auto refuses = [&](const char* name, const auto& call) {
    try {
      call();
      findings.expect(false, name, "() promises an output of a format that only reads");
    } catch (const ConfigError&) {
    } catch (const std::exception& error) {
      findings.expect(false, name, "() throws no ConfigError, but: ", error.what());
    }
  };
  refuses("layout", [&] { subject.format->layout(scratch.output(), model.output); });
  refuses("create", [&] { subject.format->create(scratch.output(), model.output, false); });
  for (const OutputTensor& tensor : model.output.tensors)
    findings.expect(subject.format->rejects(PlainFloats(), tensor.shape).has_value(),
                    "rejects() accepts a tensor for a format that only reads");
  findings.expect(scratch.is_empty(), "something is written");
}

inline void damaged_files_are_refused(const FormatSubject& subject, Findings& findings) {
  if (!can_write(subject, findings)) return;
  const Scratch scratch;
  const TestModel model(*subject.format);
  write_model(subject, scratch.output(), model);
  const OutputLayout layout = subject.format->layout(scratch.output(), model.output);
  const fs::path file = subject.format->info().is_folder ? scratch.output() / layout.files.at(0).name
                                                         : scratch.path() / layout.files.at(0).name;
  const std::string whole = content(file);
  const auto replace = [&](const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8},
                                 std::size_t{30}, whole.size() / 2, whole.size() - 1}) {
    replace(whole.substr(0, size));
    open_damaged(subject, scratch.output(), join("cut to ", size, " of ", whole.size(), " bytes"), true,
                 findings);
  }
  Random random(97);
  for (int i = 0; i < 300; ++i) {
    std::string changed = whole;
    for (int n = 0; n < 3; ++n)
      changed[random.below(std::min<std::size_t>(changed.size(), 600))] = static_cast<char>(random.bits());
    replace(changed);
    open_damaged(subject, scratch.output(), join("damaged variant ", i), false, findings);
  }
}

}  // namespace format_checks

/// All checks of one format.
inline std::vector<CheckResult> check_format(const FormatSubject& subject) {
  using namespace format_checks;
  std::vector<CheckResult> results;
  run_checks<FormatSubject>(
      "format " + subject.format->info().id, subject,
      {{"the layout is exact and known in advance", layout_is_exact, writes},
       {"a model comes back as it was written", model_comes_back, writes},
       {"what the rows of a tensor share comes back", shared_bytes_come_back, writes},
       {"the same model gives the same bytes", same_model_same_bytes, writes},
       {"without seal() nothing is left", nothing_is_left_without_seal, writes},
       {"an interrupted output is continued", interrupted_output_is_continued, writes},
       {"an existing output is replaced", existing_output_is_replaced, writes},
       {"its own outputs are recognised", own_output_is_recognised, writes},
       {"what is not its own is neither recognised nor opened", other_paths_are_refused},
       {"a format that only reads refuses outputs", outputs_are_refused, only_reads},
       {"damaged files are refused", damaged_files_are_refused, writes}},
      results);
  return results;
}

}  // namespace pq::testing

// Fuzzing a format reader that takes one file: the input becomes a file in memory, and all that a program would do with it is done.
#pragma once

#include "../support/format_plugin.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/format.hpp>

#include <cstdint>

namespace pq_fuzz {

/// Opens the bytes with the format, reads every tensor and runs the format's own checks. A FormatError is a correct answer; anything else
/// that is thrown ends the program, as a crash does.
void open_and_read(const pq::Format& format, pq::Bytes input);

}  // namespace pq_fuzz

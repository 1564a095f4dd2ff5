// Messages to the user. A library never prints: it logs, and the program decides what is shown.
#pragma once

#include <polyquant/base/export.hpp>

#include <functional>
#include <string_view>

namespace pq::log {

enum class Level { debug, info, warning };

/// Hands a message to the sink. Callable from any thread; the sink is called by one thread at a time.
PQ_API void write(Level level, std::string_view message);
inline void debug(std::string_view message) { write(Level::debug, message); }
inline void info(std::string_view message) { write(Level::info, message); }
inline void warning(std::string_view message) { write(Level::warning, message); }

/// Replaces the sink (default: drops everything) and returns the old one.
PQ_API std::function<void(Level, std::string_view)> set_sink(
    std::function<void(Level, std::string_view)> sink);

}  // namespace pq::log

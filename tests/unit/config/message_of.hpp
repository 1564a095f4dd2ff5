// The message of the ConfigError that `action` throws, or "" if it throws none.
#pragma once

#include <polyquant/base/error.hpp>

#include <string>

template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const pq::ConfigError& error) {
    return error.what();
  }
  return "";
}

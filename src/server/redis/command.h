// Commands as Redis reads them (RESP2): an array of byte strings.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace capsem::redis {

// Words of one command, encoded one by one; the head is put before them when it is sent.
class Words {
 public:
  Words() = default;
  Words(std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) add(word);
  }

  Words& add(std::string_view word) { return add(word, {}); }
  // One word of two parts.
  Words& add(std::string_view first, std::string_view second) {
    number_line('$', first.size() + second.size(), bytes_);
    bytes_.append(first).append(second).append("\r\n");
    ++count_;
    return *this;
  }
  Words& add(std::uint64_t number) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return add(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  std::size_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

  // Appends the command that consists of `head`'s words and then these.
  void write(const Words& head, std::string& out) const {
    number_line('*', head.count_ + count_, out);
    out.append(head.bytes_).append(bytes_);
  }

 private:
  static void number_line(char mark, std::size_t number, std::string& out) {
    char line[24];
    line[0] = mark;
    const auto end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
    out.append(line, static_cast<std::size_t>(end - line)).append("\r\n");
  }

  std::string bytes_;
  std::size_t count_ = 0;
};

}  // namespace capsem::redis

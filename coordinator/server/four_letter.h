// The four-letter words: short questions on the client port, answered with text that monitoring tools parse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::coordinator::server {

class Node;

// Whether the first four bytes of a connection are one of the words, allowed or not.
bool is_four_letter_word(std::string_view word);

// The text, or the notice that the word is not in the whitelist.
std::string answer_four_letter_word(Node& node, std::string_view word);

// What cons shows for the last operation of a connection: "GETD", "PING", "NA".
std::string_view operation_letters(std::int32_t op);

}  // namespace millrace::coordinator::server

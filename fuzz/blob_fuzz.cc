// Sealed blobs: whatever bytes come, the reader answers with an error; what was sealed opens, and
// with any one bit changed, any byte cut off or added, or in any other place it does not (R37,
// T39).
#include <memory>

#include "fuzz/support.h"
#include "server/vault/vault.h"

namespace capsem::fuzz {
namespace {

const vault::Vault& the_vault() {
  static const vault::Vault vault = [] {
    std::vector<Secret> keys;
    keys.emplace_back(std::string_view("0123456789abcdef0123456789abcdef"));
    keys.emplace_back(std::string_view("fedcba9876543210fedcba9876543210"));
    return vault::Vault(std::move(keys));
  }();
  return vault;
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  using namespace capsem::fuzz;
  const std::string_view text = as_text(data, size);
  const vault::Vault& vault = the_vault();
  const vault::Place place{.tenant = "t", .provider = "openai", .row = "r"};

  check(!vault.open(text, place), "bytes that nobody sealed open");

  // The first byte says which bit is changed, or where it is cut; the rest is what is sealed.
  const std::uint64_t choice = size == 0 ? 0 : hash_bytes(text, 1);
  const std::string_view plain = text.substr(0, 4'096);
  const auto blob = vault.seal(plain, place);
  check(blob.has_value(), "nothing can be sealed");
  const auto opened = vault.open(*blob, place);
  check(opened && opened->reveal() == plain, "what was sealed does not open");

  std::string changed = *blob;
  const std::uint64_t bit = choice % (changed.size() * 8);
  changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
  check(!vault.open(changed, place), "a blob with one bit changed opens");
  check(!vault.open(std::string_view(*blob).substr(0, choice % blob->size()), place),
        "a blob that was cut opens");
  check(!vault.open(*blob + std::string(1 + choice % 3, 'x'), place), "a longer blob opens");
  check(!vault.open(*blob, {.tenant = "u", .provider = "openai", .row = "r"}),
        "a blob opens for another tenant");
  check(!vault.open(*blob, {.tenant = "t", .provider = "openai", .row = "s"}),
        "a blob opens in another row");
  return 0;
}

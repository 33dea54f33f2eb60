// A database with the default tenant, a vault, and short ways to put things into it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/directory_reader.h"
#include "server/store/integrations.h"
#include "server/store/tenants.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {

inline constexpr std::string_view kProviderKey = "sk-proj-0123456789abcdefghij";

class DirectoryFixture : public StoreDatabase {
 protected:
  void SetUp() override {
    StoreDatabase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(is_done(ensure_default_tenant(*connection_, clock_.now_ms)));
    std::vector<Secret> keys;
    keys.push_back(vault::make_master_key());
    vault_ = std::make_shared<vault::Vault>(std::move(keys));
  }

  NewIntegration create(const std::string& name, std::string_view key = kProviderKey,
                        const std::string& tenant = "default") {
    IntegrationRow row;
    row.tenant = tenant;
    row.name = name;
    row.provider = "openai";
    auto made = create_integration(*connection_, vault_.get(), row, Secret(key), {.name = "first"},
                                   clock_.now_ms);
    EXPECT_TRUE(is_done(made));
    return made ? std::move(*made) : NewIntegration{};
  }
  DirectoryReading read() {
    auto reading = read_directory(*connection_, {.vault = vault_, .wall_ms = clock_.now_ms});
    EXPECT_TRUE(is_done(reading));
    return reading ? std::move(*reading) : DirectoryReading{};
  }

  std::string blob_of(std::string_view id) {
    std::string blob;
    EXPECT_TRUE(is_done(connection_->run("SELECT blob FROM secret WHERE id = $1", {id},
                                         [&](const sql::Row& row) { blob = row.blob(0); })));
    return blob;
  }
  void set_blob(std::string_view id, std::string_view blob) {
    EXPECT_TRUE(is_done(
        connection_->run("UPDATE secret SET blob = $2 WHERE id = $1", {id, sql::Blob{blob}})));
  }
  void set_key(std::string_view id, std::string_view column, std::string_view text) {
    const std::string_view statement =
        column == "models"   ? "UPDATE gateway_key SET models = $2 WHERE id = $1"
        : column == "agents" ? "UPDATE gateway_key SET agents = $2 WHERE id = $1"
        : column == "limits" ? "UPDATE gateway_key SET limits = $2 WHERE id = $1"
                             : "UPDATE gateway_key SET policies = $2 WHERE id = $1";
    EXPECT_TRUE(is_done(connection_->run(statement, {id, text})));
  }

  std::shared_ptr<vault::Vault> vault_;
};

}  // namespace capsem::store

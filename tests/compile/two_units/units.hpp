// SPDX-License-Identifier: BSL-1.0
#pragma once

bool plain_unit_works();
bool bare_unit_works();

/* Emoji by the names that Slack knows them by; the same names as `bot/localslack/emoji.py`. */

const TABLE = `
  👍 +1 thumbsup
  👎 -1 thumbsdown
  👌 ok_hand
  👋 wave
  👏 clap
  🙌 raised_hands
  ✋ raised_hand hand
  🙏 pray
  💪 muscle
  ☝️ point_up
  👇 point_down
  👈 point_left
  👉 point_right
  ✌️ v
  ✊ fist
  👊 facepunch punch
  🤞 crossed_fingers
  🤝 handshake
  🤙 call_me_hand
  ✍️ writing_hand
  🫡 salute saluting_face
  ✅ white_check_mark
  ✔️ heavy_check_mark
  ☑️ ballot_box_with_check
  ❌ x
  ✖️ heavy_multiplication_x
  ❎ negative_squared_cross_mark
  ⭕ o
  ⛔ no_entry
  🚫 no_entry_sign
  🛑 octagonal_sign stop_sign
  ➕ heavy_plus_sign
  ➖ heavy_minus_sign
  ❓ question
  ❔ grey_question
  ❗ exclamation heavy_exclamation_mark
  ❕ grey_exclamation
  ‼️ bangbang
  ⁉️ interrobang
  ⚠️ warning
  🚨 rotating_light siren
  🚧 construction
  🔴 red_circle large_red_circle
  🟠 large_orange_circle
  🟡 large_yellow_circle
  🟢 large_green_circle
  🔵 large_blue_circle
  🟣 large_purple_circle
  🟤 large_brown_circle
  ⚪ white_circle
  ⚫ black_circle
  🟥 red_square large_red_square
  🟧 large_orange_square
  🟨 large_yellow_square
  🟩 large_green_square
  🟦 large_blue_square
  🟪 large_purple_square
  ⬜ white_large_square
  ⬛ black_large_square
  ◻️ white_medium_square
  ◼️ black_medium_square
  🔺 small_red_triangle
  🔻 small_red_triangle_down
  🔸 small_orange_diamond
  🔶 large_orange_diamond
  🔹 small_blue_diamond
  🔷 large_blue_diamond
  ⌛ hourglass
  ⏳ hourglass_flowing_sand
  ⏱️ stopwatch
  ⏲️ timer_clock
  ⏰ alarm_clock
  ⌚ watch
  🕐 clock1
  🕛 clock12
  📆 calendar
  📅 date
  🗓️ spiral_calendar_pad
  ⬆️ arrow_up
  ⬇️ arrow_down
  ⬅️ arrow_left
  ➡️ arrow_right
  ▶️ arrow_forward
  ◀️ arrow_backward
  ⏫ arrow_double_up
  ⏬ arrow_double_down
  🔄 arrows_counterclockwise
  🔃 arrows_clockwise
  ↩️ leftwards_arrow_with_hook
  ↪️ arrow_right_hook
  🔁 repeat
  🔂 repeat_one
  🔀 twisted_rightwards_arrows
  ⏹️ black_square_for_stop
  ⏸️ double_vertical_bar
  ⏯️ black_right_pointing_triangle_with_double_vertical_bar
  ⏭️ black_right_pointing_double_triangle_with_vertical_bar
  ⏩ fast_forward
  ⏪ rewind
  ⏺️ black_circle_for_record
  ⏏️ eject
  👀 eyes
  👁️ eye
  🔍 mag
  🔎 mag_right
  🔔 bell
  🔕 no_bell
  📢 loudspeaker
  📣 mega
  💬 speech_balloon
  💭 thought_balloon
  📝 memo pencil
  ✏️ pencil2
  📄 page_facing_up
  📃 page_with_curl
  📋 clipboard
  📊 bar_chart
  📈 chart_with_upwards_trend
  📉 chart_with_downwards_trend
  📚 books
  📖 book
  🔖 bookmark
  🏷️ label
  🔗 link
  📎 paperclip
  📌 pushpin
  📍 round_pushpin
  📁 file_folder
  📂 open_file_folder
  🗂️ card_index_dividers
  📦 package
  📥 inbox_tray
  📤 outbox_tray
  ✉️ envelope email
  📨 incoming_envelope
  🔒 lock
  🔓 unlock
  🔐 closed_lock_with_key
  🔏 lock_with_ink_pen
  🔑 key
  🗝️ old_key
  🛡️ shield
  🔧 wrench
  🔨 hammer
  🛠️ hammer_and_wrench tools
  🔩 nut_and_bolt
  ⚙️ gear
  🧰 toolbox
  🪛 screwdriver
  🔥 fire
  🚒 fire_engine
  🧯 fire_extinguisher
  💥 boom
  ⚡ zap
  💣 bomb
  ❄️ snowflake
  🧊 ice_cube
  💧 droplet
  💻 computer
  🖥️ desktop_computer
  ⌨️ keyboard
  💾 floppy_disk
  💿 cd
  🔌 electric_plug
  🔋 battery
  🛰️ satellite
  📡 satellite_antenna
  🌐 globe_with_meridians
  ☁️ cloud
  🧱 bricks brick
  🤖 robot_face
  🐛 bug
  🐞 ladybug
  🪲 beetle
  🚀 rocket
  ✈️ airplane
  🏁 checkered_flag
  🚩 triangular_flag_on_post
  🏳️ waving_white_flag
  🚥 traffic_light
  🚦 vertical_traffic_light
  🆘 sos
  🆕 new
  🆓 free
  🆙 up
  🆒 cool
  🆗 ok
  🆖 ng
  ℹ️ information_source
  🆔 id
  🆚 vs
  1️⃣ one
  2️⃣ two
  3️⃣ three
  4️⃣ four
  5️⃣ five
  6️⃣ six
  7️⃣ seven
  8️⃣ eight
  9️⃣ nine
  🔟 keycap_ten
  0️⃣ zero
  #️⃣ hash
  ❤️ heart
  💚 green_heart
  💛 yellow_heart
  💙 blue_heart
  💔 broken_heart
  ⭐ star
  🌟 star2
  ✨ sparkles
  💫 dizzy
  💯 100
  🎉 tada
  🎊 confetti_ball
  🎖️ medal
  🏆 trophy
  👑 crown
  😄 smile
  😃 smiley
  😀 grinning
  😂 joy
  🤣 rofl
  😉 wink
  😊 blush
  🙂 slightly_smiling_face
  🙃 upside_down_face
  🤔 thinking_face
  😐 neutral_face
  😑 expressionless
  😕 confused
  😟 worried
  😢 cry
  😭 sob
  😱 scream
  😨 fearful
  😓 sweat
  😅 sweat_smile
  😴 sleeping
  💤 zzz
  😎 sunglasses
  🤦 face_palm facepalm
  🤷 shrug
  🤷‍♂️ man-shrugging
  🤷‍♀️ woman-shrugging
  🤦‍♂️ man-facepalming
  🤦‍♀️ woman-facepalming
  🙆 ok_woman
  🙅 no_good
  🙋 raising_hand
  🙇 bow
  🙍 person_frowning
  🧑‍💻 technologist
  👨‍💻 male-technologist
  👩‍💻 female-technologist
  👨‍🚒 male-firefighter
  👩‍🚒 female-firefighter
  🧑‍🚒 firefighter
  👻 ghost
  💀 skull
  ☠️ skull_and_crossbones
  ☕ coffee
  🍵 tea
  🍕 pizza
  🍰 cake
  🍺 beer
  🍻 beers
  🍾 champagne
  🌙 crescent_moon
  🌕 full_moon
  ☀️ sunny
  ⛅ partly_sunny
  🌈 rainbow
  ☂️ umbrella
  🤐 zipper_mouth_face
  💸 money_with_wings
  💵 dollar
`;

const CHARACTERS = new Map(
  TABLE.trim()
    .split("\n")
    .flatMap((line) => {
      const [character, ...names] = line.trim().split(" ");
      return names.map((name) => [name, character]);
    }),
);

const SKIN_TONES = ["\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];

/* Return the character for a name, with its skin tone if it has one; null for an unknown name. */
export function emojiFor(name) {
  const [plain, tone] = name.split("::skin-tone-");
  const character = CHARACTERS.get(plain);
  if (!character) return null;
  return tone ? character.replace("\uFE0F", "") + (SKIN_TONES[Number(tone) - 2] ?? "") : character;
}

/* Return up to `most` pairs of name and character that fit what somebody typed, best first. */
export function findEmoji(typed, most) {
  const wanted = typed.toLowerCase().replaceAll(":", "").trim().replaceAll(" ", "_");
  const found = new Map();
  const collect = (fits) => {
    for (const [name, character] of CHARACTERS) {
      if (found.size >= most) return;
      if (fits(name) && !found.has(character)) found.set(character, name);
    }
  };
  collect((name) => name === wanted);
  collect((name) => name.startsWith(wanted));
  collect((name) => name.includes(wanted));
  return [...found].map(([character, name]) => ({ name, character }));
}

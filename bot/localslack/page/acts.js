/* What the person does, told to the server; and a short word when it did not work. */

import { route } from "./route.js";
import { toast } from "./toasts.js";

const SENTENCES = {
  not_in_channel: "You are not in this channel.",
  is_archived: "This channel is archived.",
  messages_tab_disabled: "Sending messages to this app has been turned off.",
  already_reacted: "You have reacted with that already.",
  no_reaction: "You have not reacted with that.",
  too_many_emoji: "This message has as many different reactions as Slack allows.",
  too_many_reactions: "You have put as many reactions here as Slack allows.",
  message_not_found: "That message is gone.",
  view_not_found: "That dialog is closed already.",
  missing_input: "Something that is required is not filled in.",
  dispatch_failed: "The app is not connected, so it did not hear of it.",
  operation_timeout: "The app did not answer within three seconds.",
  interactivity_not_enabled: "The app does not hear of clicks.",
  not_enabled: "The app has no home tab.",
};

/* Do something as the person that one is; the answer is the server's, or null if it is away. */
export async function act(what, details = {}) {
  const answer = await post({ do: what, user: route().me?.id, ...details });
  if (answer === null) toast("Not done: there is no connection to the server.");
  else if (!answer.ok && !answer.saw && !answer.errors) {
    toast(SENTENCES[answer.error] ?? `That did not work: ${answer.error}`);
  }
  return answer;
}

async function post(body) {
  try {
    const answer = await fetch("control/act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// What a number of connections means, wherever one is shown: the one sentence that commands print beside the column, that the API's description
// gives with the field, and that the API's page has.

export const connectionCountText =
  'each new connection counts once, of denied ones each attempt (a packet); what one end reported counts what that end saw, what is told of both ends takes the end that saw more';

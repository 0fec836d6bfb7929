// One file of functions on fetch, for the server of $ASKCLI.
module.exports = {
  api: {
    input: "openapi.json",
    output: { target: "generated/orval.ts", client: "fetch", baseUrl: process.env.ASKCLI },
  },
};

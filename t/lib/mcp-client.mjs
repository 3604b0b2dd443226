// An official client of MCP against a server: node mcp-client.mjs sdk|client DIRECTORY URL ROUTES
// where DIRECTORY holds the node_modules, and ROUTES is what the tool "allow" is called with.
// Prints one document: what it was told. A line on standard error for each sign of life meanwhile.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , name, directory, url, routes] = process.argv;
const require = createRequire(directory + "/");

async function load() {
	if (name === "sdk") {
		const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
		return { Client, ...require("@modelcontextprotocol/sdk/client/streamableHttp.js") };
	}
	return import(pathToFileURL(require.resolve("@modelcontextprotocol/client")));
}

const { Client, StreamableHTTPClientTransport } = await load();
const client = new Client({ name: "test", version: "1" });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const server = client.getServerVersion()?.name;
const listed = await client.listTools();
let progress = 0;
function count() {
	progress++;
	process.stderr.write("waiting\n");
}
const call = { name: "allow", arguments: { routes_yaml: routes, justification: "a test of the client" } };
const options = { timeout: 120000, resetTimeoutOnProgress: true, onprogress: count };
const result = name === "sdk" ? await client.callTool(call, undefined, options) : await client.callTool(call, options);
await transport.terminateSession?.();
await client.close();
console.log(JSON.stringify({ server, tools: listed.tools.map((t) => t.name), progress, result }));

// A dialer in Node: screens a list, then checks each number again just before the call.
// usage: node dial.mjs ADDRESS ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided
// In a project of your own: from 'lookup-client' (clients/typescript).
import { LookupClient, Purpose, Verdict } from '../../clients/typescript/dist/index.js';

const [address, organisation, ...numbers] = process.argv.slice(2);
if (numbers.length === 0) {
  console.error('usage: node dial.mjs ADDRESS ORGANISATION NUMBER...');
  process.exit(2);
}

// A person waits for the output, so a broken list is not retried.
const lookup = new LookupClient({ address: `http://${address}`, streamRetryLimitMs: 0, streamAnswerTimeoutMs: 5000 });
const question = { organisation, purpose: Purpose.COMMERCIAL };
let undecided = 0;
for await (const screened of lookup.checkList(numbers, question)) {
  const isAllowed = screened.verdict === Verdict.ALLOW;
  const result = isAllowed ? await lookup.check(screened.number, question) : screened;
  // Dial the number that was decided, not the text in the request.
  console.log(isAllowed && result.mayCall ? `DIAL ${result.number}` : `SKIP ${result}`);
  undecided += result.state === 'answered' ? 0 : 1;
}
lookup.close();
process.exitCode = undecided > 0 ? 1 : 0;

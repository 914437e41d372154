// A dialer in Node: screens a list with CheckStream, then checks each number again just before the call.
// Only VERDICT_ALLOW within its reusable_for permits a call.
// usage: node dial.js ADDRESS ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided
const path = require('path');
const modules = path.join(__dirname, '../../tests/clients/node/node_modules');
const grpc = require(path.join(modules, '@grpc/grpc-js'));
const loader = require(path.join(modules, '@grpc/proto-loader'));

const [address, organisation, ...numbers] = process.argv.slice(2);
if (numbers.length === 0) {
  console.error('usage: node dial.js ADDRESS ORGANISATION NUMBER...');
  process.exit(2);
}

const definition = loader.loadSync('lookup/v1/lookup_service.proto', {
  includeDirs: [path.join(__dirname, '../../protos')], enums: String, longs: String, defaults: true, keepCase: true,
});
const { LookupService } = grpc.loadPackageDefinition(definition).lookup.v1;
const client = new LookupService(address, grpc.credentials.createInsecure());
const question = { organisation, purpose: 'PURPOSE_COMMERCIAL' };
const deadline = () => Date.now() + 5000;

// One chunk of up to 8,192 numbers. An answer that does not match the chunk is ignored.
const sort = (chunk) => new Promise((resolve) => {
  const call = client.CheckStream({ deadline: deadline() });
  let verdicts = chunk.map(() => 'NOT_ANSWERED');
  call.on('data', (answer) => {
    if (answer.sequence === '1' && answer.verdicts.length === chunk.length) {
      verdicts = answer.verdicts;
    }
  });
  call.on('error', (error) => { console.error(error.message); resolve(verdicts); });
  call.on('end', () => resolve(verdicts));
  call.write({ open: { question } });
  call.write({ chunk: { sequence: 1, texts: chunk } });
  call.end();
});

// Milliseconds; 0 if the answer permits no call: a hypothetical answer, or one that has expired.
const milliseconds = (duration) => (duration ? Number(duration.seconds) * 1000 + duration.nanos / 1e6 : 0);

const check = (number) => new Promise((resolve) => {
  const sent = performance.now();
  client.Check({ number, question }, { deadline: deadline() }, (error, response) => {
    if (error || !response || !response.decision) {
      resolve({ verdict: 'NOT_ANSWERED' });
      return;
    }
    const { verdict, reusable_for: may } = response.decision;
    const expired = verdict === 'VERDICT_ALLOW' && !(performance.now() - sent < milliseconds(may));
    resolve({ verdict: expired ? 'WHAT_IF_OR_EXPIRED' : verdict, decided: response.number });
  });
});

(async () => {
  let undecided = 0;
  const sorted = await sort(numbers);
  for (let i = 0; i < numbers.length; i++) {
    const { verdict, decided } = sorted[i] === 'VERDICT_ALLOW' ? await check(numbers[i]) : { verdict: sorted[i] };
    // Dial the number that was decided, not the text in the request.
    console.log(verdict === 'VERDICT_ALLOW' && decided ? `DIAL ${decided} ${verdict}` : `SKIP ${numbers[i]} ${verdict}`);
    undecided += verdict === 'NOT_ANSWERED' ? 1 : 0;
  }
  client.close();
  process.exit(undecided > 0 ? 1 : 0);
})();

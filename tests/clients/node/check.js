// One check from another language, through the published .proto files alone.
// usage: node check.js ADDRESS NUMBER ORGANISATION CALL_TIME -> prints the answer as JSON, exit 0
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, number, organisation, callTime] = process.argv.slice(2);
if (!callTime) {
  console.error('usage: node check.js ADDRESS NUMBER ORGANISATION CALL_TIME');
  process.exit(2);
}

const protos = path.join(__dirname, '../../../protos');
const definition = loader.loadSync('lookup/v1/lookup_service.proto', { includeDirs: [protos], enums: String, longs: String, defaults: true });
const { LookupService } = grpc.loadPackageDefinition(definition).lookup.v1;
const client = new LookupService(address, grpc.credentials.createInsecure());
const request = {
  number,
  question: { organisation, purpose: 'PURPOSE_COMMERCIAL', subscriber: 'SUBSCRIBER_TYPE_CONSUMER' },
  whatIf: { callTime: { seconds: Math.floor(Date.parse(callTime) / 1000) } },
};
client.Check(request, { deadline: Date.now() + 5000 }, (error, response) => {
  if (error) {
    console.error(`${error.code} ${error.details}`);
    process.exit(1);
  }
  console.log(JSON.stringify({
    number: response.number,
    verdict: response.decision.verdict,
    reason: response.decision.reasons[0].code,
    article: response.decision.reasons[0].article,
    regime: response.decision.regime,
  }));
  client.close();
});

using Xunit.Abstractions;
using Xunit.Sdk;

[assembly: TestFramework("MiniMilvus.Conformance.Tools.ToolAwareFramework", "MiniMilvus.Conformance")]

namespace MiniMilvus.Conformance.Tools;

/// <summary>xunit's own, but for classes that need a tool which is missing: a skip is a property of an attribute, and a suite's attributes are inherited.</summary>
public sealed class ToolAwareFramework(IMessageSink diagnostics) : XunitTestFramework(diagnostics)
{
    protected override ITestFrameworkDiscoverer CreateDiscoverer(IAssemblyInfo assemblyInfo) => new Discoverer(assemblyInfo, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Discoverer(IAssemblyInfo assembly, ISourceInformationProvider sources, IMessageSink diagnostics) : XunitTestFrameworkDiscoverer(assembly, sources, diagnostics)
    {
        protected override bool FindTestsForMethod(ITestMethod testMethod, bool includeSourceInformation, IMessageBus messageBus, ITestFrameworkDiscoveryOptions discoveryOptions)
        {
            if (NeedsToolAttribute.MissingFor(testMethod.TestClass.Class) is null || !testMethod.Method.GetCustomAttributes(typeof(FactAttribute)).Any())
            {
                return base.FindTestsForMethod(testMethod, includeSourceInformation, messageBus, discoveryOptions);
            }

            var skipped = new SkippedTestCase(DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
            return ReportDiscoveredTestCase(skipped, includeSourceInformation, messageBus);
        }
    }
}

/// <summary>A test, or all cases of a theory, without its tool.</summary>
public sealed class SkippedTestCase : XunitTestCase
{
    [Obsolete("Called by the deserializer.")]
    public SkippedTestCase()
    {
    }

    public SkippedTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(diagnostics, display, options, method)
    {
    }

    protected override string GetSkipReason(IAttributeInfo factAttribute) => NeedsToolAttribute.MissingFor(TestMethod.TestClass.Class) ?? base.GetSkipReason(factAttribute);
}
